"""What pictures look like: measures of light, contrast, colour and detail, as covariates."""
