'use strict';
// The console as AWS Lambda prints it, one framed record per call so that newlines stay inside an event.

const fs = require('fs');
const util = require('util');

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
let json = false;

const frames = Number(process.env._LAMBDA_TELEMETRY_LOG_FD);
delete process.env._LAMBDA_TELEMETRY_LOG_FD;

function writeAll(buffer) {
  let at = 0;
  while (at < buffer.length) {
    try {
      at += fs.writeSync(frames, buffer, at, buffer.length - at);
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}

function record(text) {
  const length = Buffer.byteLength(text);
  const buffer = Buffer.allocUnsafe(16 + length);
  const micros = Date.now() * 1000;
  buffer.writeUInt32BE(0xa55a0003, 0);
  buffer.writeUInt32BE(length, 4);
  buffer.writeUInt32BE(Math.floor(micros / 4294967296), 8);
  buffer.writeUInt32BE(micros % 4294967296, 12);
  buffer.write(text, 16);
  writeAll(buffer);
}

function describe(error) {
  const name = (error.constructor && error.constructor.name) || 'UnknownError';
  const stack = typeof error.stack === 'string' ? error.stack.split('\n') : [];
  return { errorType: name, errorMessage: error.message, stackTrace: stack };
}

function jsonLine(level, time, args) {
  const line = { timestamp: time, level: level, requestId: global[REQUEST_ID] };
  if (args.length === 1) {
    line.message = args[0];
    try {
      return JSON.stringify(line, (key, value) => (value instanceof Error ? Object.assign(describe(value), value) : value));
    } catch (error) {
      line.message = util.format(args[0]);
      return JSON.stringify(line);
    }
  }
  line.message = util.format.apply(util, args);
  const error = args.find((arg) => arg instanceof Error);
  if (error) Object.assign(line, describe(error));
  return JSON.stringify(line);
}

function write(level, args) {
  const time = new Date().toISOString();
  if (json) return record(jsonLine(level, time, args) + '\n');
  record(time + '\t' + global[REQUEST_ID] + '\t' + level + '\t' + util.format.apply(util, args) + '\n');
}

exports.patchConsole = function () {
  json = String(process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  const least = LEVELS[String(process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase()] || LEVELS.TRACE;
  const at = (level) =>
    LEVELS[level] < least ? () => {} : (message, ...rest) => write(level, [message].concat(rest));
  console.trace = at('TRACE');
  console.debug = at('DEBUG');
  console.log = console.info = at('INFO');
  console.warn = at('WARN');
  console.error = at('ERROR');
  console.fatal = at('FATAL');
};

exports.setRequestId = function (id) {
  global[REQUEST_ID] = id;
};

// `2026-…Z\t<id>\tERROR\tInvoke Error \t{"errorType":…,"stack":[…]}`
exports.logError = function (title, error) {
  const real = error instanceof Error ? error : new Error(error);
  if (json) return write('ERROR', [real]);
  let text;
  try {
    text = JSON.stringify(real, (key, value) => {
      if (!(value instanceof Error)) return value;
      const plain = Object.assign({ errorType: value.name, errorMessage: value.message, code: value.code }, value);
      if (typeof value.stack === 'string') plain.stack = value.stack.split('\n');
      return plain;
    });
  } catch (ignored) {
    text = JSON.stringify(exports.toDocument(real));
  }
  write('ERROR', [title, '\t' + text]);
};

// The error document of the Runtime API.
exports.toDocument = function (error) {
  try {
    const like = error && typeof error.name === 'string' && typeof error.message === 'string' && typeof error.stack === 'string';
    if (error instanceof Error || like) {
      return { errorType: error.name, errorMessage: error.message, trace: String(error.stack).split('\n') };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch (ignored) {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
};
