package pilvi;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** Runs a Java function: finds the handler, then asks for events and answers them. */
public final class Bootstrap {
    private static final String PATH = "/2018-06-01/runtime/";

    private interface Handler {
        byte[] handle(byte[] event, Context context) throws Throwable;
    }

    private final String api = System.getenv("AWS_LAMBDA_RUNTIME_API");
    private final Socket socket;
    private final InputStream in;
    private final OutputStream out;
    private final Map<String, String> headers = new HashMap<>();
    private static OutputStream frames;

    private Bootstrap() throws IOException {
        String address = System.getenv("_PILVI_API");
        int colon = address.lastIndexOf(':');
        socket = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
        socket.setTcpNoDelay(true);
        in = new java.io.BufferedInputStream(socket.getInputStream());
        out = socket.getOutputStream();
    }

    public static void main(String[] args) throws Exception {
        openLog();
        Bootstrap runtime = new Bootstrap();
        Handler handler = null;
        try {
            handler = find(System.getenv("_HANDLER"));
        } catch (Throwable error) {
            String document = report(error);
            runtime.post("init/error", document.getBytes(StandardCharsets.UTF_8), typeOf(document, error), false);
            runtime.read();
            System.exit(1);
        }
        runtime.send("GET " + PATH + "invocation/next HTTP/1.1\r\nHost: " + runtime.api + "\r\n\r\n", new byte[0], false);
        byte[] event = runtime.read();
        while (true) {
            String id = runtime.headers.get("lambda-runtime-aws-request-id");
            String trace = runtime.headers.get("lambda-runtime-trace-id");
            if (trace != null) System.setProperty("com.amazonaws.xray.traceHeader", trace);
            else System.clearProperty("com.amazonaws.xray.traceHeader");
            try {
                byte[] answer = handler.handle(event, new Invocation(runtime.headers));
                System.out.flush();
                runtime.post("invocation/" + id + "/response", answer, null, true);
            } catch (Throwable error) {
                String document = report(error);
                runtime.post("invocation/" + id + "/error", document.getBytes(StandardCharsets.UTF_8), typeOf(document, error), true);
            }
            runtime.read();
            event = runtime.read();
        }
    }

    // ---- the Runtime API: an answer and the next poll leave in one packet ----

    private void post(String path, byte[] body, String errorType, boolean thenPoll) throws IOException {
        String head = "POST " + PATH + path + " HTTP/1.1\r\nHost: " + api + "\r\nContent-Length: " + body.length + "\r\n";
        if (errorType != null) head += "Lambda-Runtime-Function-Error-Type: " + errorType + "\r\n";
        send(head + "\r\n", body, thenPoll);
    }

    private void send(String head, byte[] body, boolean thenPoll) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.write(head.getBytes(StandardCharsets.UTF_8));
        all.write(body);
        if (thenPoll) all.write(("GET " + PATH + "invocation/next HTTP/1.1\r\nHost: " + api + "\r\n\r\n").getBytes(StandardCharsets.UTF_8));
        out.write(all.toByteArray());
        out.flush();
    }

    private byte[] read() throws IOException {
        headers.clear();
        line();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            headers.put(line.substring(0, colon).toLowerCase(java.util.Locale.ROOT), line.substring(colon + 1).trim());
        }
        byte[] body = new byte[Integer.parseInt(headers.getOrDefault("content-length", "0"))];
        for (int at = 0; at < body.length; ) {
            int count = in.read(body, at, body.length - at);
            if (count < 0) System.exit(1);
            at += count;
        }
        return body;
    }

    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            // The server is gone, or has given this environment up.
            if (c < 0) System.exit(1);
            if (c != '\r') line.write(c);
        }
        return new String(line.toByteArray(), StandardCharsets.UTF_8);
    }

    // ---- the handler ----

    private static Handler find(String name) throws Throwable {
        int colons = name.indexOf("::");
        String className = colons < 0 ? name : name.substring(0, colons);
        String methodName = colons < 0 ? null : name.substring(colons + 2);
        Class<?> type;
        try {
            type = Class.forName(className);
        } catch (ClassNotFoundException error) {
            throw new ClassNotFoundException("Class not found: " + className);
        }
        Constructor<?> constructor = type.getConstructor();
        Object instance;
        try {
            instance = constructor.newInstance();
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
        if (methodName == null || methodName.equals("handleRequest")) {
            if (instance instanceof RequestStreamHandler) {
                return (event, context) -> {
                    ByteArrayOutputStream answer = new ByteArrayOutputStream();
                    ((RequestStreamHandler) instance).handleRequest(new ByteArrayInputStream(event), answer, context);
                    return answer.toByteArray();
                };
            }
            if (instance instanceof RequestHandler) {
                Type input = inputOf(type);
                @SuppressWarnings("unchecked")
                RequestHandler<Object, Object> handler = (RequestHandler<Object, Object>) instance;
                return (event, context) -> write(handler.handleRequest(parse(event, input), context));
            }
        }
        if (methodName == null) throw new RuntimeException("Class " + className + " does not implement an appropriate handler interface");
        Method found = null;
        for (Method method : type.getMethods()) {
            // Of several the one with the most parameters, and of those the one with the context last.
            if (method.getName().equals(methodName) && !method.isBridge() && (found == null || rank(method) > rank(found))) found = method;
        }
        if (found == null) throw new NoSuchMethodException("No public method named " + methodName + " with appropriate method signature found on class " + className);
        Method method = found;
        return (event, context) -> call(instance, method, event, context);
    }

    private static int rank(Method method) {
        Class<?>[] types = method.getParameterTypes();
        return 2 * types.length + (types.length > 0 && types[types.length - 1] == Context.class ? 1 : 0);
    }

    private static byte[] call(Object instance, Method method, byte[] event, Context context) throws Throwable {
        Type[] types = method.getGenericParameterTypes();
        Object[] given = new Object[types.length];
        ByteArrayOutputStream stream = null;
        for (int i = 0; i < types.length; i++) {
            if (types[i] == Context.class) given[i] = context;
            else if (types[i] == InputStream.class) given[i] = new ByteArrayInputStream(event);
            else if (types[i] == OutputStream.class) given[i] = stream = new ByteArrayOutputStream();
            else given[i] = parse(event, types[i]);
        }
        try {
            Object answer = method.invoke(instance, given);
            return stream != null ? stream.toByteArray() : write(answer);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
    }

    /** What `I` is in the class's `RequestHandler<I, O>`. */
    private static Type inputOf(Class<?> type) {
        for (Class<?> level = type; level != null; level = level.getSuperclass()) {
            for (Type one : level.getGenericInterfaces()) {
                if (one instanceof ParameterizedType && ((ParameterizedType) one).getRawType() == RequestHandler.class) {
                    return ((ParameterizedType) one).getActualTypeArguments()[0];
                }
            }
        }
        return Object.class;
    }

    private static Object parse(byte[] event, Type type) throws ReflectiveOperationException {
        return Bind.to(Json.parse(new String(event, StandardCharsets.UTF_8)), type);
    }

    private static byte[] write(Object answer) throws ReflectiveOperationException {
        StringBuilder text = new StringBuilder();
        Bind.write(text, answer);
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    // ---- errors and the log ----

    /** Writes the error into the log as AWS does, and gives its document. */
    private static String report(Throwable error) {
        StringWriter trace = new StringWriter();
        error.printStackTrace(new PrintWriter(trace, true));
        System.out.flush();
        record(error.getMessage() + ": " + error.getClass().getName() + "\n" + trace);
        StringBuilder text = new StringBuilder();
        describe(text, error, 0);
        return text.toString();
    }

    private static void describe(StringBuilder out, Throwable error, int depth) {
        out.append("{\"errorMessage\":");
        if (error.getMessage() == null) out.append("null");
        else Json.quote(out, error.getMessage());
        out.append(",\"errorType\":");
        Json.quote(out, error.getClass().getName());
        out.append(",\"stackTrace\":[");
        boolean first = true;
        for (StackTraceElement element : error.getStackTrace()) {
            if (element.getClassName().startsWith("pilvi.")) break;
            if (!first) out.append(',');
            first = false;
            Json.quote(out, element.toString());
        }
        out.append(']');
        if (error.getCause() != null && error.getCause() != error && depth < 10) {
            out.append(",\"cause\":");
            describe(out, error.getCause(), depth + 1);
        }
        out.append('}');
    }

    private static String typeOf(String document, Throwable error) {
        return error.getClass().getName().replaceAll("[^\\x20-\\x7e]", "?");
    }

    private static void openLog() {
        try {
            Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
            constructor.setAccessible(true);
            frames = new FileOutputStream(constructor.newInstance(Integer.parseInt(System.getenv("_LAMBDA_TELEMETRY_LOG_FD"))));
        } catch (ReflectiveOperationException | RuntimeException error) {
            frames = null;
        }
    }

    /** One record is one event of the log, its line ends included. */
    static synchronized void record(byte[] message) {
        try {
            if (frames == null) {
                System.out.write(message, 0, message.length);
                System.out.flush();
                return;
            }
            ByteBuffer frame = ByteBuffer.allocate(16 + message.length);
            frame.putInt(0xa55a0003).putInt(message.length).putLong(System.currentTimeMillis() * 1000).put(message);
            frames.write(frame.array());
        } catch (IOException error) {
            // Nobody is there to read it.
        }
    }

    static void record(String message) {
        record(message.getBytes(StandardCharsets.UTF_8));
    }

    private static final class Invocation implements Context, LambdaLogger {
        private final Map<String, String> headers;

        Invocation(Map<String, String> headers) {
            this.headers = new HashMap<>(headers);
        }

        public String getAwsRequestId() {
            return headers.get("lambda-runtime-aws-request-id");
        }

        public String getLogGroupName() {
            return System.getenv("AWS_LAMBDA_LOG_GROUP_NAME");
        }

        public String getLogStreamName() {
            return System.getenv("AWS_LAMBDA_LOG_STREAM_NAME");
        }

        public String getFunctionName() {
            return System.getenv("AWS_LAMBDA_FUNCTION_NAME");
        }

        public String getFunctionVersion() {
            return System.getenv("AWS_LAMBDA_FUNCTION_VERSION");
        }

        public String getInvokedFunctionArn() {
            return headers.get("lambda-runtime-invoked-function-arn");
        }

        public CognitoIdentity getIdentity() {
            return null;
        }

        public ClientContext getClientContext() {
            return null;
        }

        public int getRemainingTimeInMillis() {
            long left = Long.parseLong(headers.getOrDefault("lambda-runtime-deadline-ms", "0")) - System.currentTimeMillis();
            return (int) Math.max(left, 0);
        }

        public int getMemoryLimitInMB() {
            return Integer.parseInt(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
        }

        public LambdaLogger getLogger() {
            return this;
        }

        public void log(String message) {
            record(message);
        }

        public void log(byte[] message) {
            record(message);
        }
    }
}
