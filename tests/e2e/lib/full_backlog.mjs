// A listener that accepts nothing and whose queue is full: connections to it get no answer, as behind a firewall.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const kProgram = `
import select, socket, sys
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen(0)
held = []
while True:  # until a connection is left waiting
    c = socket.socket(); c.setblocking(False); held.append(c)
    try: c.connect(listener.getsockname())
    except BlockingIOError: pass
    if not select.select([], [c], [], 0.5)[1]: break
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
`;

export async function fullBacklog() {
  const child = spawn('python3', ['-c', kProgram], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return {
    port: Number(String(line)),
    close: async () => { child.stdin.end(); await once(child, 'close'); },
  };
}
