SELECT seq, payload FROM snapshot WHERE run_no = :run ORDER BY seq DESC LIMIT 1
