INSERT INTO artifact (tenant, run_no, seq, rev, at, payload)
VALUES (:tenant, :run, :seq, :rev, :at, :payload)
