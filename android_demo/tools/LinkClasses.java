import java.io.File;
import java.lang.invoke.MethodHandles;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.Enumeration;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/**
 * Loads every class of a jar beside a framework, has Java's verifier look at its code and runs what a class does when it is first
 * used: LinkClasses APP.jar FRAMEWORK.jar. What the framework lacks and a class needs at once is found so.
 */
public final class LinkClasses {
    private static final String SUFFIX = ".class";

    private LinkClasses() {}

    public static void main(String[] arguments) throws Exception {
        URL[] places = {new File(arguments[0]).toURI().toURL(), new File(arguments[1]).toURI().toURL()};
        ClassLoader loader = new URLClassLoader(places, ClassLoader.getPlatformClassLoader());
        int good = 0;
        int bad = 0;
        try (JarFile jar = new JarFile(arguments[0])) {
            for (Enumeration<JarEntry> entries = jar.entries(); entries.hasMoreElements(); ) {
                String entry = entries.nextElement().getName();
                if (!entry.endsWith(SUFFIX)) {
                    continue;
                }
                String name = entry.substring(0, entry.length() - SUFFIX.length()).replace('/', '.');
                try {
                    Class<?> found = Class.forName(name, false, loader);
                    found.getDeclaredMethods();
                    MethodHandles.privateLookupIn(found, MethodHandles.lookup()).ensureInitialized(found);
                    good++;
                } catch (LinkageError | ReflectiveOperationException fault) {
                    Throwable cause = fault.getCause() == null ? fault : fault.getCause();
                    System.out.println(name + ": " + cause);
                    bad++;
                }
            }
        }
        System.out.println(good + " classes, and " + bad + " that do not link");
        System.exit(bad > 0 || good == 0 ? 4 : 0);
    }
}
