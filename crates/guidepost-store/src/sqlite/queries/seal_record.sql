UPDATE record SET salt = :salt, digest = :digest, hash = :hash
WHERE run_no = :run AND seq = :seq
