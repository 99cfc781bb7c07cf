UPDATE task SET ready_at = :now WHERE child_no = :run AND queue <> 'cancel'
