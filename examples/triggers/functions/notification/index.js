// For messages in the queue, up to ten at once.
exports.handler = function (event, context, callback) {
  console.log('Event: ' + JSON.stringify(event));
  callback(null, 'success');
};
