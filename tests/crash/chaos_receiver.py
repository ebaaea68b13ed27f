"""Who is told of videos and clips in the chaos test. It refuses some messages
the first time and hangs up on others, as if its answer were lost."""
import socket
import zlib

from hook import SECRET, Receiver, verify


class Told(Receiver):
    def __init__(self):
        super().__init__(self.reply)
        self.seen, self.taken, self.unsigned = set(), set(), []

    def reply(self, message, _):
        first = message.id not in self.seen
        self.seen.add(message.id)
        if not verify(SECRET, message.headers, message.body):
            self.unsigned.append(message.id)
        mood = zlib.crc32(message.id.encode()) % 4
        if first and mood == 0:
            return 503
        if first and mood == 1:
            return lambda connection: connection.shutdown(socket.SHUT_RDWR)
        self.taken.add(message.id)
        return 204
