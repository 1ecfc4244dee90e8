"""Plugins that make Radicale 3.9 a CardDAV server over the carddav-msg directory: auth, rights and storage.

The only home of Radicale subclasses. They translate between the engine and `carddav_msg.services`: no SQL, rendering or
rights of their own. A stock Radicale loads them by name (`config/radicale.ini`); the composed server binds them to its
own services (`configuration.composed`).
"""
