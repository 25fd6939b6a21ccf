"""The rules, a file for each job or question they are about; ``rules.RULES`` puts them in order."""
