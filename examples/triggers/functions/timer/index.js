// Every five minutes.
exports.handler = function (event, context, callback) {
  console.log('Invoked for ' + event.time);
  console.log('Event: ' + JSON.stringify(event));
  callback(null, 'success');
};
