"""Pictures for a study: chosen by their scores, and alike in everything else."""
