"""An order and its private order code: placed, shown, closed, marked as paid."""
