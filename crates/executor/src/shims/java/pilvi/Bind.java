package pilvi;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** JSON values to and from a function's own classes: beans, records, enums, collections. */
final class Bind {
    private Bind() {}

    static Object to(Object value, Type type) throws ReflectiveOperationException {
        if (type instanceof WildcardType) return to(value, ((WildcardType) type).getUpperBounds()[0]);
        if (type instanceof GenericArrayType) return array(value, ((GenericArrayType) type).getGenericComponentType());
        Type[] arguments = type instanceof ParameterizedType ? ((ParameterizedType) type).getActualTypeArguments() : new Type[0];
        Type raw = type instanceof ParameterizedType ? ((ParameterizedType) type).getRawType() : type;
        if (!(raw instanceof Class)) return value;
        Class<?> wanted = (Class<?>) raw;
        if (value == null) return wanted.isPrimitive() ? Array.get(Array.newInstance(wanted, 1), 0) : null;
        if (wanted == Object.class) return value;
        if (wanted == String.class || wanted == CharSequence.class) {
            if (value instanceof Map || value instanceof List) throw mismatch(value, wanted);
            return String.valueOf(value);
        }
        if (wanted == boolean.class || wanted == Boolean.class) {
            return value instanceof Boolean ? value : Boolean.valueOf(String.valueOf(value));
        }
        if (wanted.isPrimitive() || Number.class.isAssignableFrom(wanted)) return number(value, wanted);
        if (wanted.isArray()) return array(value, wanted.getComponentType());
        if (wanted.isEnum()) {
            for (Object constant : wanted.getEnumConstants()) if (((Enum<?>) constant).name().equals(value)) return constant;
            throw mismatch(value, wanted);
        }
        if (Map.class.isAssignableFrom(wanted)) return map(value, wanted, arguments);
        if (Collection.class.isAssignableFrom(wanted) || wanted == Iterable.class) return collection(value, wanted, arguments);
        if (!(value instanceof Map)) throw mismatch(value, wanted);
        return object((Map<?, ?>) value, wanted);
    }

    private static RuntimeException mismatch(Object value, Class<?> wanted) {
        return new IllegalArgumentException("Cannot deserialize value of type `" + wanted.getName() + "` from " + value.getClass().getSimpleName());
    }

    private static Object number(Object value, Class<?> wanted) {
        if (wanted == char.class) return String.valueOf(value).charAt(0);
        if (!(value instanceof Number || value instanceof String)) throw mismatch(value, wanted);
        java.math.BigDecimal number = new java.math.BigDecimal(value.toString());
        if (wanted == int.class || wanted == Integer.class) return number.intValue();
        if (wanted == long.class || wanted == Long.class) return number.longValue();
        if (wanted == double.class || wanted == Double.class) return number.doubleValue();
        if (wanted == float.class || wanted == Float.class) return number.floatValue();
        if (wanted == short.class || wanted == Short.class) return number.shortValue();
        if (wanted == byte.class || wanted == Byte.class) return number.byteValue();
        if (wanted == java.math.BigInteger.class) return number.toBigInteger();
        return wanted == java.math.BigDecimal.class ? number : value;
    }

    private static Object array(Object value, Type component) throws ReflectiveOperationException {
        if (component == byte.class && value instanceof String) return java.util.Base64.getDecoder().decode((String) value);
        if (!(value instanceof List)) throw mismatch(value, Object[].class);
        List<?> list = (List<?>) value;
        Type raw = component instanceof ParameterizedType ? ((ParameterizedType) component).getRawType() : component;
        Object array = Array.newInstance(raw instanceof Class ? (Class<?>) raw : Object.class, list.size());
        for (int i = 0; i < list.size(); i++) Array.set(array, i, to(list.get(i), component));
        return array;
    }

    private static Object map(Object value, Class<?> wanted, Type[] arguments) throws ReflectiveOperationException {
        if (!(value instanceof Map)) throw mismatch(value, wanted);
        Map<Object, Object> map = new LinkedHashMap<>();
        if (!wanted.isInterface() && !Modifier.isAbstract(wanted.getModifiers())) map = make(wanted);
        else if (wanted.isAssignableFrom(TreeMap.class) && !wanted.isAssignableFrom(LinkedHashMap.class)) map = new TreeMap<>();
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
            Object key = arguments.length == 2 ? to(entry.getKey(), arguments[0]) : entry.getKey();
            map.put(key, arguments.length == 2 ? to(entry.getValue(), arguments[1]) : entry.getValue());
        }
        return map;
    }

    private static Object collection(Object value, Class<?> wanted, Type[] arguments) throws ReflectiveOperationException {
        if (!(value instanceof List)) throw mismatch(value, wanted);
        Collection<Object> all = Set.class.isAssignableFrom(wanted) ? new LinkedHashSet<>() : new ArrayList<>();
        if (!wanted.isInterface() && !Modifier.isAbstract(wanted.getModifiers())) all = make(wanted);
        for (Object item : (List<?>) value) all.add(arguments.length == 1 ? to(item, arguments[0]) : item);
        return all;
    }

    @SuppressWarnings("unchecked")
    private static <T> T make(Class<?> wanted) throws ReflectiveOperationException {
        Constructor<?> constructor = wanted.getDeclaredConstructor();
        constructor.setAccessible(true);
        return (T) constructor.newInstance();
    }

    private static Object object(Map<?, ?> value, Class<?> wanted) throws ReflectiveOperationException {
        Map<String, Object> fields = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (Map.Entry<?, ?> entry : value.entrySet()) fields.put(String.valueOf(entry.getKey()), entry.getValue());
        Object[] parts = recordParts(wanted);
        if (parts != null) {
            Class<?>[] types = new Class<?>[parts.length];
            Object[] given = new Object[parts.length];
            for (int i = 0; i < parts.length; i++) {
                types[i] = (Class<?>) parts[i].getClass().getMethod("getType").invoke(parts[i]);
                Type type = (Type) parts[i].getClass().getMethod("getGenericType").invoke(parts[i]);
                given[i] = to(fields.get((String) parts[i].getClass().getMethod("getName").invoke(parts[i])), type);
            }
            Constructor<?> constructor = wanted.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(given);
        }
        Object bean = make(wanted);
        for (Method method : wanted.getMethods()) {
            String name = method.getName();
            if (method.getParameterCount() != 1 || !name.startsWith("set") || name.length() < 4) continue;
            String field = name.substring(3);
            if (fields.containsKey(field)) method.invoke(bean, to(fields.remove(field), method.getGenericParameterTypes()[0]));
        }
        for (Field field : wanted.getFields()) {
            if (Modifier.isStatic(field.getModifiers()) || Modifier.isFinal(field.getModifiers())) continue;
            if (fields.containsKey(field.getName())) field.set(bean, to(fields.get(field.getName()), field.getGenericType()));
        }
        return bean;
    }

    /** The components of a record, asked for in a way that also compiles for a Java without records. */
    private static Object[] recordParts(Class<?> type) throws ReflectiveOperationException {
        if (type.getSuperclass() == null || !type.getSuperclass().getName().equals("java.lang.Record")) return null;
        return (Object[]) Class.class.getMethod("getRecordComponents").invoke(type);
    }

    static void write(StringBuilder out, Object value) throws ReflectiveOperationException {
        if (value == null) out.append("null");
        else if (value instanceof CharSequence || value instanceof Character) Json.quote(out, value.toString());
        else if (value instanceof Number || value instanceof Boolean) out.append(value);
        else if (value instanceof Enum) Json.quote(out, ((Enum<?>) value).name());
        else if (value instanceof byte[]) Json.quote(out, java.util.Base64.getEncoder().encodeToString((byte[]) value));
        else if (value instanceof Map) {
            Map<String, Object> fields = new LinkedHashMap<>();
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) fields.put(String.valueOf(entry.getKey()), entry.getValue());
            writeFields(out, fields);
        } else if (value instanceof Iterable || value.getClass().isArray()) {
            List<Object> items = new ArrayList<>();
            if (value instanceof Iterable) for (Object item : (Iterable<?>) value) items.add(item);
            else for (int i = 0; i < Array.getLength(value); i++) items.add(Array.get(value, i));
            out.append('[');
            for (int i = 0; i < items.size(); i++) {
                if (i > 0) out.append(',');
                write(out, items.get(i));
            }
            out.append(']');
        } else if (value instanceof java.util.Optional) write(out, ((java.util.Optional<?>) value).orElse(null));
        else if (value.getClass().getName().startsWith("java.")) Json.quote(out, value.toString());
        else writeFields(out, fieldsOf(value));
    }

    private static void writeFields(StringBuilder out, Map<String, Object> fields) throws ReflectiveOperationException {
        out.append('{');
        boolean first = true;
        for (Map.Entry<String, Object> entry : fields.entrySet()) {
            if (!first) out.append(',');
            first = false;
            Json.quote(out, entry.getKey());
            out.append(':');
            write(out, entry.getValue());
        }
        out.append('}');
    }

    private static Map<String, Object> fieldsOf(Object value) throws ReflectiveOperationException {
        Map<String, Object> fields = new LinkedHashMap<>();
        Class<?> type = value.getClass();
        Object[] parts = recordParts(type);
        if (parts != null) {
            for (Object part : parts) {
                Method accessor = (Method) part.getClass().getMethod("getAccessor").invoke(part);
                accessor.setAccessible(true);
                fields.put((String) part.getClass().getMethod("getName").invoke(part), accessor.invoke(value));
            }
            return fields;
        }
        for (Field field : type.getFields()) {
            if (!Modifier.isStatic(field.getModifiers())) fields.put(field.getName(), field.get(value));
        }
        // In the order in which they are written, as far as the class knows it: that of its fields.
        Map<String, Method> getters = new TreeMap<>();
        for (Method method : type.getMethods()) {
            if (method.getParameterCount() != 0 || method.getDeclaringClass() == Object.class || Modifier.isStatic(method.getModifiers())) continue;
            String name = method.getName();
            boolean is = name.startsWith("is") && method.getReturnType() == boolean.class;
            String rest = name.startsWith("get") ? name.substring(3) : is ? name.substring(2) : "";
            if (!rest.isEmpty()) getters.put(Character.toLowerCase(rest.charAt(0)) + rest.substring(1), method);
        }
        for (Class<?> level = type; level != null && level != Object.class; level = level.getSuperclass()) {
            for (Field field : level.getDeclaredFields()) {
                Method getter = getters.remove(field.getName());
                if (getter != null) put(fields, field.getName(), getter, value);
            }
        }
        for (Map.Entry<String, Method> entry : getters.entrySet()) put(fields, entry.getKey(), entry.getValue(), value);
        return fields;
    }

    private static void put(Map<String, Object> fields, String name, Method getter, Object value) throws ReflectiveOperationException {
        getter.setAccessible(true);
        fields.put(name, getter.invoke(value));
    }
}
