"""The estimators, one method family a file; the public door is ``infotheory`` itself."""
