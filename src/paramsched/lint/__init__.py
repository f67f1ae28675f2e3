"""What is likely wrong with a plan, before anything runs: findings with a code, a place, and where safe a fix."""
