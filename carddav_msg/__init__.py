"""carddav-msg: one multi-tenant user directory with four faces for Turnkey Messaging.

The CardDAV contact source, Web Service Contacts, External Provisioning and External Authentication answer from the
same rows, so that the Cloud Username and the Network ID of a user are equal on all of them.
"""

__version__ = "0.1.0"
