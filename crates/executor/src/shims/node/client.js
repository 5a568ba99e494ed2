'use strict';
// The Runtime API over one raw socket. An answer and the next poll leave in one packet.

const net = require('net');

const PATH = '/2018-06-01/runtime/';
const EMPTY = Buffer.alloc(0);

// `address` is where the API listens, `host` the name by which it knows us.
exports.connect = function (address, host) {
  const colon = address.lastIndexOf(':');
  const socket = net.connect(Number(address.slice(colon + 1)), address.slice(0, colon));
  const head = ' HTTP/1.1\r\nHost: ' + host + '\r\n';
  const poll = 'GET ' + PATH + 'invocation/next' + head + '\r\n';
  const waiting = [];
  let pending = EMPTY;
  let expected = null;

  socket.setNoDelay(true);
  // The server is gone, or has given this environment up.
  socket.on('error', () => process.exit(1));
  socket.on('close', () => process.exit(1));

  socket.on('data', (chunk) => {
    pending = pending.length ? Buffer.concat([pending, chunk]) : chunk;
    for (;;) {
      if (!expected) {
        const end = pending.indexOf('\r\n\r\n');
        if (end < 0) return;
        expected = parseHead(pending.toString('utf8', 0, end));
        pending = pending.slice(end + 4);
      }
      if (pending.length < expected.length) return;
      const response = expected;
      response.body = pending.toString('utf8', 0, response.length);
      pending = pending.length > response.length ? pending.slice(response.length) : EMPTY;
      expected = null;
      const then = waiting.shift();
      if (then) then(response);
    }
  });

  function post(path, body, headers) {
    return 'POST ' + PATH + path + head + headers + 'Content-Length: ' + Buffer.byteLength(body) + '\r\n\r\n' + body;
  }
  const errorHeaders = (error) =>
    'Content-Type: application/vnd.aws.lambda.error+json\r\nLambda-Runtime-Function-Error-Type: ' +
    String(error.errorType).replace(/[^\x20-\x7e]/g, '?') + '\r\n';
  const ignore = () => {};

  return {
    socket: socket,
    // Waits for what this process is for.
    assignment: function (then) {
      waiting.push(then);
      socket.write('GET /pilvi/assignment' + head + '\r\n');
    },
    // Waits for an event.
    next: function (then) {
      waiting.push(then);
      socket.ref();
      socket.write(poll);
    },
    // Answers, and waits for the next event.
    respond: function (id, body, then) {
      waiting.push(ignore, then);
      socket.ref();
      socket.write(post('invocation/' + id + '/response', body, 'Content-Type: application/json\r\n') + poll);
    },
    // Fails, and waits for the next event.
    fail: function (id, error, then) {
      waiting.push(ignore, then);
      socket.ref();
      socket.write(post('invocation/' + id + '/error', JSON.stringify(error), errorHeaders(error)) + poll);
    },
    // Fails, and calls back when that is known.
    failAndThen: function (path, error, then) {
      waiting.push(then);
      socket.ref();
      socket.write(post(path, JSON.stringify(error), errorHeaders(error)));
    },
    // Begins a streamed answer; `then` is called when it was accepted.
    beginStream: function (id, contentType, then) {
      waiting.push(then);
      socket.ref();
      socket.write(
        'POST ' + PATH + 'invocation/' + id + '/response' + head + 'Content-Type: ' + contentType +
          '\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n' +
          'Trailer: Lambda-Runtime-Function-Error-Type\r\nTrailer: Lambda-Runtime-Function-Error-Body\r\n\r\n'
      );
    },
    writeChunk: function (chunk, then) {
      if (!chunk.length) return then();
      socket.write(Buffer.concat([Buffer.from(chunk.length.toString(16) + '\r\n'), chunk, Buffer.from('\r\n')]), then);
    },
    endStream: function (error) {
      let trailers = '';
      if (error) {
        trailers =
          'Lambda-Runtime-Function-Error-Type: ' + String(error.errorType).replace(/[^\x20-\x7e]/g, '?') +
          '\r\nLambda-Runtime-Function-Error-Body: ' + Buffer.from(JSON.stringify(error)).toString('base64') + '\r\n';
      }
      socket.write('0\r\n' + trailers + '\r\n');
    },
  };
};

function parseHead(text) {
  const lines = text.split('\r\n');
  const headers = {};
  for (let i = 1; i < lines.length; i++) {
    const colon = lines[i].indexOf(':');
    headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
  }
  return { status: Number(lines[0].split(' ')[1]), headers: headers, length: Number(headers['content-length'] || 0) };
}
