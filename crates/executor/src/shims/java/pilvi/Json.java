package pilvi;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON text to maps, lists, strings, numbers and booleans, and strings to JSON. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    static Object parse(String text) {
        Json json = new Json(text);
        Object value = json.value();
        json.space();
        if (json.at != text.length()) throw json.wrong();
        return value;
    }

    private RuntimeException wrong() {
        return new IllegalArgumentException("Unexpected character at position " + at + " of the event");
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    private char peek() {
        space();
        if (at >= text.length()) throw wrong();
        return text.charAt(at);
    }

    private void expect(char wanted) {
        if (peek() != wanted) throw wrong();
        at++;
    }

    private Object value() {
        switch (peek()) {
            case '{': {
                Map<String, Object> map = new LinkedHashMap<>();
                at++;
                if (peek() == '}') {
                    at++;
                    return map;
                }
                while (true) {
                    if (peek() != '"') throw wrong();
                    String key = string();
                    expect(':');
                    map.put(key, value());
                    if (peek() == '}') {
                        at++;
                        return map;
                    }
                    expect(',');
                }
            }
            case '[': {
                List<Object> list = new ArrayList<>();
                at++;
                if (peek() == ']') {
                    at++;
                    return list;
                }
                while (true) {
                    list.add(value());
                    if (peek() == ']') {
                        at++;
                        return list;
                    }
                    expect(',');
                }
            }
            case '"':
                return string();
            default:
                return word();
        }
    }

    private Object word() {
        int start = at;
        while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) at++;
        String word = text.substring(start, at);
        switch (word) {
            case "null":
                return null;
            case "true":
                return Boolean.TRUE;
            case "false":
                return Boolean.FALSE;
            default:
        }
        try {
            if (word.indexOf('.') >= 0 || word.indexOf('e') >= 0 || word.indexOf('E') >= 0) return Double.valueOf(word);
            java.math.BigInteger number = new java.math.BigInteger(word);
            if (number.bitLength() < 32) return number.intValue();
            return number.bitLength() < 64 ? (Object) number.longValue() : number;
        } catch (NumberFormatException error) {
            at = start;
            throw wrong();
        }
    }

    private String string() {
        StringBuilder out = new StringBuilder();
        at++;
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '"') return out.toString();
            if (c != '\\') {
                out.append(c);
                continue;
            }
            if (at >= text.length()) break;
            char escaped = text.charAt(at++);
            int plain = "bfnrt".indexOf(escaped);
            if (plain >= 0) {
                out.append("\b\f\n\r\t".charAt(plain));
            } else if (escaped == 'u' && at + 4 <= text.length()) {
                out.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                at += 4;
            } else {
                out.append(escaped);
            }
        }
        throw wrong();
    }

    static void quote(StringBuilder out, String value) {
        out.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            int special = "\"\\\b\f\n\r\t".indexOf(c);
            if (special >= 0) out.append('\\').append("\"\\bfnrt".charAt(special));
            else if (c < ' ') out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        out.append('"');
    }
}
