SELECT count(*) FROM artifact
WHERE run_no = :run AND tenant = :tenant AND seq >= :first
    AND (:type IS NULL OR type = :type)
    AND (:name IS NULL OR name = :name)
    AND (:observed = 0 OR observed = 1)
