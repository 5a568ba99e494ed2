'use strict';
// Runs a Node function: loads the handler, then asks for events and answers them.

const fs = require('fs');
const path = require('path');

const log = require('./log.js');
const clientModule = require('./client.js');
const streaming = require('./streaming.js');

const env = process.env;
const take = (name) => {
  const value = env[name];
  delete env[name];
  return value;
};
let sdk;
const client = clientModule.connect(take('_PILVI_API'), env.AWS_LAMBDA_RUNTIME_API);

const named = (name, message) => {
  const error = new Error(message);
  error.name = 'Runtime.' + name;
  error.stack = error.name + ': ' + message + '\n' + String(error.stack).split('\n').slice(1).join('\n');
  return error;
};

// What happens to an error that nobody caught: before the first event, and during one.
let onFatal = (error, code) => client.failAndThen('init/error', log.toDocument(error), () => process.exit(code));
process.on('uncaughtException', (error) => {
  log.logError('Uncaught Exception', error);
  onFatal(error, 129);
});
process.on('unhandledRejection', (reason) => {
  const error = named('UnhandledPromiseRejection', String(reason));
  error.reason = reason;
  error.promise = {};
  log.logError('Unhandled Promise Rejection', error);
  onFatal(error, 128);
});
let onEmptyLoop = null;
process.on('beforeExit', () => {
  const then = onEmptyLoop;
  onEmptyLoop = null;
  if (then) then();
});

// ---- loading ----

function isModuleFolder(folder) {
  if (path.basename(folder) === 'node_modules') return false;
  let text;
  try {
    text = fs.readFileSync(path.join(folder, 'package.json'), 'utf8');
  } catch (error) {
    const parent = path.dirname(folder);
    return parent !== folder && isModuleFolder(parent);
  }
  try {
    return JSON.parse(text).type === 'module';
  } catch (error) {
    return false;
  }
}

// The SDK for `import`, which does not look at NODE_PATH (`require` does).
function offerSdkToImports() {
  const moduleApi = require('module');
  const parent = require('url').pathToFileURL(path.join(sdk, 'anyone.js')).href;
  const bare = (specifier) => /^@?[a-z0-9]/i.test(specifier) && specifier.indexOf(':') < 0;
  if (typeof moduleApi.registerHooks === 'function') {
    moduleApi.registerHooks({
      resolve(specifier, context, next) {
        try {
          return next(specifier, context);
        } catch (error) {
          if (!bare(specifier) || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
          return next(specifier, Object.assign({}, context, { parentURL: parent }));
        }
      },
    });
  } else if (typeof moduleApi.register === 'function') {
    const source =
      'const parent = ' + JSON.stringify(parent) + '; const bare = ' + bare.toString() + ';' +
      'export async function resolve(specifier, context, next) {' +
      ' try { return await next(specifier, context); } catch (error) {' +
      "  if (!bare(specifier) || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;" +
      '  return next(specifier, { ...context, parentURL: parent }); } }';
    moduleApi.register('data:text/javascript,' + encodeURIComponent(source));
  }
}

const importModule = (file) => require('./import.js')(require('url').pathToFileURL(file).href);

function loadModule(root, folder, name) {
  const base = path.resolve(root, folder, name);
  const there = (extension) => fs.existsSync(base + extension) && fs.statSync(base + extension).isFile();
  const typescript = Number(process.versions.node.split('.')[0]) >= 24;
  const isModule = isModuleFolder(path.dirname(base));
  if (there('')) return require(base);
  if (there('.js')) return isModule ? importModule(base + '.js') : require(base + '.js');
  if (there('.mjs')) return importModule(base + '.mjs');
  if (there('.cjs')) return require(base + '.cjs');
  if (typescript && there('.ts')) return isModule ? importModule(base + '.ts') : require(base + '.ts');
  if (typescript && there('.mts')) return importModule(base + '.mts');
  if (typescript && there('.cts')) return require(base + '.cts');
  return require(require.resolve(name, { paths: [root, path.resolve(root, folder)] }));
}

function load() {
  const full = env._HANDLER || '';
  if (full.indexOf('..') >= 0) {
    throw named('MalformedHandlerName', "'" + full + "' is not a valid handler name. Use absolute paths when specifying root directories in handler names.");
  }
  const file = path.basename(full);
  const match = /^([^.]*)\.(.*)$/.exec(file);
  if (!match) throw named('MalformedHandlerName', 'Bad handler');
  const fail = (error) => {
    if (error instanceof SyntaxError) throw named('UserCodeSyntaxError', String(error));
    if (error && error.code === 'MODULE_NOT_FOUND') throw named('ImportModuleError', String(error));
    throw error;
  };
  const pick = (loaded) => {
    const handler = match[2].split('.').reduce((value, key) => value && value[key], loaded);
    if (!handler) throw named('HandlerNotFound', full + ' is undefined or not exported');
    if (typeof handler !== 'function') throw named('HandlerNotFound', full + ' is not a function');
    return handler;
  };
  let loaded;
  try {
    loaded = loadModule(env.LAMBDA_TASK_ROOT || process.cwd(), full.slice(0, full.length - file.length), match[1]);
  } catch (error) {
    fail(error);
  }
  if (loaded && typeof loaded.then === 'function' && !match[2].split('.').every((key) => key in loaded)) {
    return loaded.then(pick, fail);
  }
  return pick(loaded);
}

// ---- running ----

const isPromise = (value) => value && typeof value.then === 'function';

function contextOf(headers, base) {
  const parse = (text, name) => {
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error('Cannot parse ' + name + ' as json: ' + error);
    }
  };
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return Object.assign(base, {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse(headers['lambda-runtime-client-context'], 'ClientContext'),
    identity: parse(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  });
}

function run(handler) {
  const isAsync = Boolean(handler.constructor) && handler.constructor.name === 'AsyncFunction';
  const isStreaming = streaming.isStreaming(handler);
  const next = (event) => (isStreaming ? handleStreaming(event) : handle(event));

  function begin(headers) {
    const id = headers['lambda-runtime-aws-request-id'];
    log.setRequestId(id);
    const trace = headers['lambda-runtime-trace-id'];
    if (trace) env._X_AMZN_TRACE_ID = trace;
    else delete env._X_AMZN_TRACE_ID;
    onFatal = (error, code) =>
      client.failAndThen('invocation/' + id + '/error', log.toDocument(error), () => process.exit(code));
    // From here on only the function's own work keeps the loop alive.
    client.socket.unref();
    return id;
  }

  function handle(event) {
    const id = begin(event.headers);
    let done = false;
    let waits = true;
    const fail = (error) => {
      done = true;
      onEmptyLoop = null;
      log.logError('Invoke Error', error);
      client.fail(id, log.toDocument(error), next);
    };
    const succeed = (result) => {
      onEmptyLoop = null;
      let body;
      try {
        body = JSON.stringify(result === undefined ? null : result);
        if (body === undefined) body = 'null';
      } catch (error) {
        return fail(named('MarshalError', 'Unable to stringify response body'));
      }
      done = true;
      client.respond(id, body, next);
    };
    const first = (then) => function () {
      if (done) return;
      done = true;
      then.apply(null, arguments);
    };
    const failed = (error) => error !== undefined && error !== null;
    const callback = first((error, result) => {
      onEmptyLoop = null;
      if (failed(error)) return fail(error);
      if (!waits) return succeed(result);
      onEmptyLoop = () => setImmediate(() => succeed(result));
    });
    const base = {
      get callbackWaitsForEmptyEventLoop() { return waits; },
      set callbackWaitsForEmptyEventLoop(value) { waits = value; },
      succeed: first(succeed),
      fail: first((error) => fail(failed(error) ? error : 'handled')),
      done: first((error, result) => (failed(error) ? fail(error) : succeed(result))),
    };
    onEmptyLoop = () => {
      if (done) return;
      done = true;
      if (!isAsync) return client.respond(id, 'null', next);
      fail(named('NodeJsExit', 'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes'));
    };
    try {
      const result = handler(JSON.parse(event.body), contextOf(event.headers, base), callback);
      if (isPromise(result)) result.then(base.succeed, base.fail);
    } catch (error) {
      callback(failed(error) ? error : 'handled');
    }
  }

  function handleStreaming(event) {
    const id = begin(event.headers);
    let accepted;
    const taken = new Promise((resolve) => { accepted = resolve; });
    const output = streaming.create(client, id, handler, accepted);
    const again = () => client.next(next);
    const fail = (error) => {
      onEmptyLoop = null;
      log.logError('Invoke Error', error);
      if (!output.hasBegun()) return client.fail(id, log.toDocument(error), next);
      client.endStream(log.toDocument(error));
      taken.then(again);
    };
    onEmptyLoop = () => fail(new Error('Response stream is not finished.'));
    let result;
    try {
      result = handler(JSON.parse(event.body), output, contextOf(event.headers, { callbackWaitsForEmptyEventLoop: true }));
    } catch (error) {
      return fail(error);
    }
    if (!isPromise(result)) return fail('Streaming does not support non-async handlers.');
    result.then((value) => {
      if (value !== undefined) console.warn('Streaming handlers ignore return values.');
      if (!output.writableEnded && !output.writableFinished) return fail('Response stream is not finished.');
      onEmptyLoop = null;
      taken.then(again);
    }, fail);
  }

  client.next(next);
}

function start() {
  sdk = take('_PILVI_SDK');
  const endpoint = take('_PILVI_ENDPOINT');
  take('_PILVI_OPT');
  take('_PILVI_API');
  log.patchConsole();
  if (endpoint) require('./network.js').redirect(endpoint);
  streaming.install();
  try {
    if (sdk) offerSdkToImports();
    const handler = load();
    if (isPromise(handler)) {
      handler.then(run, (error) => process.emit('uncaughtException', error));
    } else {
      run(handler);
    }
  } catch (error) {
    process.emit('uncaughtException', error);
  }
}

if (!take('_PILVI_STANDBY')) {
  start();
} else {
  // Booted ahead: what most functions need is loaded while nobody waits for it.
  ['./network.js', 'module', 'url', 'util', 'stream', 'crypto', 'http', 'https', 'events'].forEach((name) => require(name));
  client.assignment((response) => {
    const given = JSON.parse(response.body);
    Object.keys(env).forEach((name) => { if (!(name in given)) delete env[name]; });
    Object.assign(env, given);
    process.chdir(env.LAMBDA_TASK_ROOT);
    start();
  });
}
