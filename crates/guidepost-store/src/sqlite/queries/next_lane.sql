-- From what comes next on: asked for what is greater, SQLite would begin at what is equal, and read the lane before to its end.
SELECT bound_to, bound_as, queue, needs_place, ready_at FROM task
WHERE tenant = :tenant AND bound_to IS NOT NULL
  AND (bound_to, bound_as, queue, needs_place) >= (:workflow, :work, :queue, :needs_place)
ORDER BY bound_to, bound_as, queue, needs_place, ready_at LIMIT 1
