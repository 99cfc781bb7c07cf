INSERT INTO snapshot (run_no, seq, tenant, salt, digest, payload)
VALUES (:run, :seq, :tenant, :salt, :digest, :payload)
