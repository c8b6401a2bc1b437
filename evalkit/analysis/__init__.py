"""Error analysis: pairs gold and predicted items that are not equal, and says what is wrong."""
