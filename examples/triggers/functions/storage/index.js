// For each object that is put into the bucket.
exports.handler = function (event, context, callback) {
  console.log('Event: ' + JSON.stringify(event));
  callback(null, 'success');
};
