INSERT INTO session (tenant, session_id, created_at, last_activity)
VALUES (:tenant, :session, :now, :now)
ON CONFLICT (tenant, session_id) DO UPDATE SET last_activity = max(last_activity, excluded.last_activity)
