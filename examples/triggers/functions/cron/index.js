// At minute 16 of each hour, Monday to Friday.
exports.handler = function (event, context, callback) {
  console.log('Invoked for ' + event.time);
  console.log('Event: ' + JSON.stringify(event));
  callback(null, 'success');
};
