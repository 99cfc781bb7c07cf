INSERT OR IGNORE INTO thread (tenant, name, run_no, state, branch, created_at)
SELECT tenant, run_id || ':' || :suffix, agent_id, :state, :branch, :now FROM agent_instance WHERE agent_id = :run
