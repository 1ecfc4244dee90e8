"""`doctor`: looks at a running server as the vendor's side would, and says what is wrong and how to mend it."""
