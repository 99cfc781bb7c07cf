SELECT seq, at, kind, salt, digest, hash, body FROM record_body WHERE run_no = :run ORDER BY seq
