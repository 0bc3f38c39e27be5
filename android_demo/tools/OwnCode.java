import edgeeffnet.core.GoldenVector;
import edgeeffnet.core.Model;
import edgeeffnet.core.Preparer;
import edgeeffnet.core.RgbImage;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.MessageDigest;
import javax.imageio.ImageIO;

/**
 * Reads an APK's model with the APK's own code and nothing else, Kotlin's library as it was shrunk included, and compares the
 * contract's golden inputs: OwnCode MODEL [CONTRACT]. Run as a source file with the class path of the code alone.
 */
public final class OwnCode {
    private OwnCode() {}

    public static void main(String[] arguments) throws Exception {
        ByteBuffer contract = arguments.length > 1 ? read(arguments[1]) : null;
        Model model = Model.Companion.read(read(arguments[0]), contract);
        System.out.println(model.getPreprocessing().getId() + ", " + model.getLabels().size() + " labels, the first: " + model.getLabels().get(0));
        if (model.getGoldenReason() != null) {
            System.out.println("no golden pictures: " + model.getGoldenReason());
            return;
        }
        Preparer preparer = new Preparer(model);
        int wrong = 0;
        for (Object each : model.getGolden()) { // DEX has no generic types here
            GoldenVector vector = (GoldenVector) each;
            ByteBuffer input = preparer.input(decoded(vector.getPng()));
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(input.duplicate());
            StringBuilder found = new StringBuilder();
            for (byte part : digest.digest()) {
                found.append(String.format("%02x", part));
            }
            boolean isEqual = found.toString().equals(vector.getInputSha256());
            wrong += isEqual ? 0 : 1;
            System.out.println((isEqual ? "equal " : "DIFFERENT ") + found);
        }
        System.exit(wrong > 0 || model.getGolden().isEmpty() ? 4 : 0);
    }

    private static ByteBuffer read(String path) throws Exception {
        return ByteBuffer.wrap(Files.readAllBytes(Paths.get(path)));
    }

    private static RgbImage decoded(byte[] png) throws Exception {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        int width = image.getWidth();
        int height = image.getHeight();
        return RgbImage.Companion.fromArgb(image.getRGB(0, 0, width, height, null, 0, width), width, height);
    }
}
