"""Python imports this module in the emulator's process at its start.

The emulator answers its functions' requests in two small writes; with Nagle's algorithm each pair costs 40 ms. Sending
at once and buffering the answer removes that.
"""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
socketserver.StreamRequestHandler.wbufsize = -1
