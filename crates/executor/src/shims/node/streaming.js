'use strict';
// `awslambda.streamifyResponse` and the stream that such a handler writes to.

const stream = require('stream');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';

exports.install = function () {
  global.awslambda = {
    streamifyResponse: (handler, options) => {
      handler[STREAMING] = 'response';
      if (options && typeof options.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark;
      return handler;
    },
    HttpResponseStream: {
      // Status, headers and cookies go first, then eight zero bytes, then the body.
      from: (underlying, prelude) => {
        underlying.setContentType(PRELUDE_TYPE);
        underlying._prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
        return underlying;
      },
    },
  };
};

exports.isStreaming = (handler) => handler[STREAMING] === 'response';

// `accepted` is called when the whole answer was taken.
exports.create = function (client, id, handler, accepted) {
  let contentType = 'application/octet-stream';
  let begun = false;
  function begin(then) {
    if (begun) return then();
    begun = true;
    client.beginStream(id, contentType, accepted);
    if (output._prelude) return client.writeChunk(output._prelude, then);
    then();
  }
  const output = new stream.Writable({
    highWaterMark: handler[HIGH_WATER_MARK] || 64 * 1024,
    write: (chunk, encoding, then) => begin(() => client.writeChunk(Buffer.from(chunk), then)),
    final: (then) => begin(() => { client.endStream(); then(); }),
  });
  output.setContentType = (type) => { contentType = type; };
  output.hasBegun = () => begun;
  return output;
};
