'use strict';
// Connections to the clouds' own hosts lead to the local cloud, whatever library makes them.

const net = require('net');

const CLOUDS = /(^|\.)(amazonaws\.com|amazonaws\.com\.cn|api\.aws|aliyuncs\.com|localhost\.localstack\.cloud)\.?$/i;

exports.redirect = function (endpoint) {
  const colon = endpoint.lastIndexOf(':');
  const target = { host: endpoint.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(endpoint.slice(colon + 1)) };

  function lead(options) {
    if (!options || typeof options !== 'object' || options.path || typeof options.host !== 'string') return null;
    const port = Number(options.port);
    if (CLOUDS.test(options.host) && (port === 80 || port === 443 || port === target.port)) {
      return Object.assign({}, options, { host: target.host, port: target.port, lookup: undefined });
    }
    if (/\.localhost\.?$/i.test(options.host)) {
      return Object.assign({}, options, { host: '127.0.0.1', lookup: undefined });
    }
    return null;
  }

  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function () {
    const args = Array.prototype.slice.call(arguments);
    if (Array.isArray(args[0])) {
      // Arguments that net.connect has put in order already; it marks them with a symbol.
      const led = lead(args[0][0]);
      if (led) {
        const ordered = args[0].slice();
        Object.getOwnPropertySymbols(args[0]).forEach((mark) => { ordered[mark] = args[0][mark]; });
        ordered[0] = led;
        args[0] = ordered;
      }
    } else if (typeof args[0] === 'object' && args[0] !== null) {
      args[0] = lead(args[0]) || args[0];
    } else if (typeof args[1] === 'string') {
      const led = lead({ port: args[0], host: args[1] });
      if (led) {
        args[0] = led.port;
        args[1] = led.host;
      }
    }
    return connect.apply(this, args);
  };
};
