INSERT INTO start_key (tenant, key, digest, run_no) VALUES (:tenant, :key, :digest, :run)
