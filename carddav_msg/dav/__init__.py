"""CardDAV over WSGI: the guard at the door, and the lane that answers what phones ask most, without the engine.

One module per RFC section or noun: `guard` lets in, `lane` dispatches, `propfind`, `reports` and `resources` answer,
`requests` reads bodies, `multistatus` and `properties` write them, `faults` turns errors into answers. What the lane
does not answer goes on to the WSGI application behind it, the engine, with the keys of `environ`.
"""
