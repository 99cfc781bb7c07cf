INSERT INTO workflow (name, created_at, tenant, origin, is_defining, defined_at)
VALUES (:name, datetime(:now / 1000000000, 'unixepoch'), :tenant, 'file', 1, :now)
