"""Health of a run: diagnostics, rules that detect failures, and alarms."""
