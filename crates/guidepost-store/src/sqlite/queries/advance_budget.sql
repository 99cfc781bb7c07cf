UPDATE budget SET limits = :limits, spent = :spent, told = :told, due_at = :due WHERE run_no = :run
