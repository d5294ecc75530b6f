"""One meaning, one colour."""

CLEAN, NOISY, ESTIMATE, OTHER, LIMIT = "black", "0.65", "#0072B2", "#D55E00", "#009E73"
