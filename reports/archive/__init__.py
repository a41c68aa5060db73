"""Archives: the results of whole experiments in one small sealed file, for later strategies to be compared with.

An archive holds what result files hold: the validation results that strategies were told, and no test value.  Reports
look truth up in the tables, as for any results.
"""
