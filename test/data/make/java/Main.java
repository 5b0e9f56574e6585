import java.io.*;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;
import java.util.stream.*;
import java.util.zip.*;

/**
 * A small order pipeline: generates records, parses and validates them,
 * aggregates with streams, and writes compressed reports, on a thread pool.
 *
 *   java Main SECONDS
 */
public class Main {
    static final String[] WORDS = ("lamp chair table desk shelf mirror carpet curtain pillow blanket "
        + "basket vase clock candle frame stool bench cabinet drawer rack").split(" ");

    record Item(String sku, String title, int qty, BigDecimal price) {
        BigDecimal amount() { return price.multiply(BigDecimal.valueOf(qty)); }
    }

    record Order(String id, String email, LocalDate day, List<Item> items) {
        BigDecimal total() { return items.stream().map(Item::amount).reduce(BigDecimal.ZERO, BigDecimal::add); }
    }

    static class InvalidOrder extends RuntimeException {
        InvalidOrder(String what, Throwable cause) { super("invalid: " + what, cause); }
    }

    interface Rule { void check(Order o); }

    static final Pattern EMAIL = Pattern.compile("^[\\w.+-]+@[\\w-]+(\\.[\\w-]+)+$");

    static final List<Rule> RULES = List.of(
        o -> { if (!EMAIL.matcher(o.email()).matches()) throw new InvalidOrder(o.email(), null); },
        o -> o.items().forEach(i -> {
            if (!i.sku().matches("[A-Z]{3}-\\d{4}")) throw new InvalidOrder(i.sku(), null);
        }),
        o -> { if (o.items().isEmpty()) throw new InvalidOrder("empty", null); });

    static String generate(Random rng) {
        StringBuilder b = new StringBuilder();
        b.append(String.format("ORD-%06d", rng.nextInt(1_000_000))).append('|');
        b.append(WORDS[rng.nextInt(WORDS.length)]).append('.').append(rng.nextInt(1000)).append("@mail.test|");
        b.append(LocalDate.ofEpochDay(19_000 + rng.nextInt(700)).format(DateTimeFormatter.BASIC_ISO_DATE));
        for (int i = 0, n = 2 + rng.nextInt(9); i < n; i++) {
            b.append('|').append(WORDS[rng.nextInt(WORDS.length)].substring(0, 3).toUpperCase(Locale.ROOT))
                .append(String.format("-%04d", rng.nextInt(10_000))).append(',')
                .append(WORDS[rng.nextInt(WORDS.length)]).append(',')
                .append(1 + rng.nextInt(9)).append(',')
                // now and then a price that does not parse
                .append(rng.nextInt(60) == 0 ? "n/a" : String.valueOf(rng.nextInt(100_000) / 100.0));
        }
        return b.toString();
    }

    static Order parse(String line) {
        String[] f = line.split("\\|");
        List<Item> items = new ArrayList<>();
        for (int i = 3; i < f.length; i++) {
            items.add(parseItem(f[i]));
        }
        return new Order(f[0], f[1], LocalDate.parse(f[2], DateTimeFormatter.BASIC_ISO_DATE), items);
    }

    static Item parseItem(String s) {
        String[] f = s.split(",");
        try {
            return new Item(f[0], f[1], Integer.parseInt(f[2]), new BigDecimal(f[3]));
        } catch (NumberFormatException e) {
            throw new InvalidOrder(s, e);
        }
    }

    static Optional<Order> tryParse(String line) {
        try {
            Order o = parse(line);
            RULES.forEach(r -> r.check(o));
            return Optional.of(o);
        } catch (InvalidOrder e) {
            return Optional.empty();
        }
    }

    static class Ledger {
        private final Map<String, BigDecimal> months = new TreeMap<>();
        private final Deque<Order> recent = new ArrayDeque<>();

        synchronized void add(List<Order> orders) {
            for (Order o : orders) {
                months.merge(o.day().toString().substring(0, 7), o.total(), BigDecimal::add);
                recent.addLast(o);
                if (recent.size() > 5000) recent.removeFirst();
            }
        }

        synchronized List<Order> recent() { return new ArrayList<>(recent); }
    }

    static Map<String, Double> byTitle(List<Order> orders) {
        return orders.stream()
            .flatMap(o -> o.items().stream())
            .collect(Collectors.groupingBy(Item::title, TreeMap::new,
                Collectors.summingDouble(i -> i.amount().doubleValue())));
    }

    static List<Order> best(List<Order> orders) {
        return orders.stream()
            .sorted(Comparator.comparing(Order::total).reversed().thenComparing(Order::id))
            .limit(50).collect(Collectors.toList());
    }

    static byte[] report(List<Order> orders) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        try (Writer w = new OutputStreamWriter(new GZIPOutputStream(out), StandardCharsets.UTF_8)) {
            for (Map.Entry<String, Double> e : byTitle(orders).entrySet()) {
                w.write(String.format(Locale.ROOT, "%-12s %12.2f%n", e.getKey(), e.getValue()));
            }
            for (Order o : best(orders)) {
                String line = o.id() + "\t" + o.total().setScale(2, RoundingMode.HALF_UP) + "\t" + o.day() + "\n";
                sha.update(line.getBytes(StandardCharsets.UTF_8));
                w.write(line);
            }
            w.write(HexFormat.of().formatHex(sha.digest()));
        }
        return out.toByteArray();
    }

    static int edits(String a, String b) {
        if (a.isEmpty()) return b.length();
        if (b.isEmpty()) return a.length();
        if (a.charAt(0) == b.charAt(0)) return edits(a.substring(1), b.substring(1));
        return 1 + Math.min(edits(a.substring(1), b), edits(a, b.substring(1)));
    }

    static int batch(int seed, Ledger ledger) throws Exception {
        Random rng = new Random(seed);
        List<Order> orders = IntStream.range(0, 800).mapToObj(i -> generate(rng))
            .map(Main::tryParse).flatMap(Optional::stream).collect(Collectors.toList());
        ledger.add(orders);
        int n = report(ledger.recent()).length;
        for (String w : WORDS) {
            n += edits(w.substring(0, 4), WORDS[rng.nextInt(WORDS.length)].substring(0, 4));
        }
        return n;
    }

    public static void main(String[] args) throws Exception {
        long until = System.nanoTime() + Long.parseLong(args[0]) * 1_000_000_000L;
        ExecutorService pool = Executors.newFixedThreadPool(2, r -> new Thread(r, "pipeline"));
        Ledger ledger = new Ledger();
        long bytes = 0;
        for (int seed = 0; System.nanoTime() < until; seed += 4) {
            List<Callable<Integer>> tasks = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                int s = seed + i;
                tasks.add(() -> batch(s, ledger));
            }
            for (Future<Integer> f : pool.invokeAll(tasks)) bytes += f.get();
        }
        pool.shutdown();
        System.out.println(bytes + " bytes of reports");
    }
}
