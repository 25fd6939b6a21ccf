"""Which token for which job: the decision tree as data (questions, alternatives, rules), and what is read from it."""
