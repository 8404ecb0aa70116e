"""Pages: for managers (``manage``) and for respondents (``respondents``)."""
