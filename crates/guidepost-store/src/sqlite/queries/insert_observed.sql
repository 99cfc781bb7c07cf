INSERT INTO workflow (name, tenant, origin) VALUES (:name, :tenant, 'built_in')
