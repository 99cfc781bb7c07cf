INSERT INTO record
    (tenant, run_no, seq, rev, kind, at, recorded_at, request, has_changes, salt, digest, hash, payload)
VALUES
    (:tenant, :run, :seq, :rev, :kind, :at, :recorded_at, :request, :has_changes, :salt, :digest, :hash, :payload)
