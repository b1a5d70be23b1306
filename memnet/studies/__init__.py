"""What is done with old and new studies: diagnosis, variants, migration, clips, cautions."""
