"""The workflow: planning, killed runs, sharing, Slurm."""
