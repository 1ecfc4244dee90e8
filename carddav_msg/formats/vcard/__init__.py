"""vCard 3.0 (RFC 2426) and 4.0 (RFC 6350): read without loss, written for the clients there are."""
