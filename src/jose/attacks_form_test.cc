// Attacks on the form: other spellings of the same token, JSON that two readers read differently, and what is
// no compact JWS at all. All of them are signed as they stand.
#include "jose/attacks_testing.h"

namespace gatehouse::jose::testing {

namespace {

constexpr auto kAlgorithm = Algorithm::es256;

struct Parts {
  std::string header, payload, signature;
  [[nodiscard]] std::string joined() const { return header + "." + payload + "." + signature; }
};

Parts parts(const std::string& compact) {
  const std::size_t first = compact.find('.');
  const std::size_t second = compact.rfind('.');
  return {compact.substr(0, first), compact.substr(first + 1, second - first - 1),
          compact.substr(second + 1)};
}

// Signs header and payload as they are spelt.
std::string sealed(const std::string& header_part, const std::string& payload_part) {
  const std::string message = header_part + "." + payload_part;
  return message + "." + base64url_encode(signers().of(kAlgorithm).sign(message, how(kAlgorithm)));
}

void add_spellings(Attacks& attacks, const Parts& good) {
  const auto add = [&](std::string name, std::string token) {
    attacks.add(std::move(name), std::move(token), Fault::malformed);
  };
  const std::string& h = good.header;
  const std::string& p = good.payload;
  const std::string& s = good.signature;
  add("padding behind the header", sealed(h + "=", p));
  add("padding behind the payload", sealed(h, p + "=="));
  add("padding behind the signature", good.joined() + "==");
  add("a space before", " " + good.joined());
  add("a space behind", good.joined() + " ");
  add("a line feed behind", good.joined() + "\n");
  add("a NUL behind", good.joined() + std::string(1, '\0'));
  add("a space in the payload", sealed(h, p.substr(0, 8) + " " + p.substr(8)));
  add("a line feed in the header", sealed(h.substr(0, 8) + "\n" + h.substr(8), p));
  add("a line feed in the signature", h + "." + p + "." + s.substr(0, 8) + "\r\n" + s.substr(8));
  add("`+` for `-`", h + "." + p + "." + "+" + s.substr(1));
  add("`/` for `_`", h + "." + p + "." + "/" + s.substr(1));
  add("a `?` in the header", sealed(h.substr(0, 8) + "?" + h.substr(8), p));
  add("percent encoding", sealed(h, "%65" + p.substr(1)));
  add("a byte above ASCII", sealed(h, p.substr(0, 8) + "\xc3\xa4" + p.substr(8)));
  add("a full-width dot", h + "\xef\xbc\x8e" + p + "\xef\xbc\x8e" + s);
  // 64 bytes are 86 characters: the last has four bits that are not used.
  std::string unused = s;
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unused.back() = kAlphabet[kAlphabet.find(unused.back()) + 1];
  add("unused bits of the signature", h + "." + p + "." + unused);
  add("one character too many", good.joined() + "AAA");
}

void add_parts(Attacks& attacks, const Parts& good) {
  const auto add = [&](std::string name, std::string token) {
    attacks.add(std::move(name), std::move(token), Fault::malformed);
  };
  const std::string& h = good.header;
  const std::string& p = good.payload;
  const std::string& s = good.signature;
  add("nothing", "");
  add("one dot", ".");
  add("two dots", "..");
  add("three dots", "...");
  add("one part", h);
  add("two parts", h + "." + p);
  add("four parts", good.joined() + "." + s);
  add("a dot behind", good.joined() + ".");
  add("a dot before", "." + good.joined());
  add("a JWE of five parts", h + "." + p + "." + s + "." + p + "." + s);
  add("no header", sealed("", p));
  add("no payload", sealed(h, ""));
  add("the JSON serialization",
      fmt::format(R"({{"payload":"{}","signatures":[{{"protected":"{}","signature":"{}"}}]}})", p, h, s));
  add("the flattened JSON serialization",
      fmt::format(R"({{"payload":"{}","protected":"{}","signature":"{}"}})", p, h, s));
  add("`Bearer ` before", "Bearer " + good.joined());
  attacks.add("more than the limit",
              sealed(h, base64url_encode(std::string(16 * 1024, ' ') + std::string(kClaims))),
              Fault::too_large);
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

// Members that stand before those of kClaims, or kHeader.
std::string before(std::string_view members, std::string_view object) {
  return fmt::format("{{{},{}", members, object.substr(1));
}

void add_json(Attacks& attacks) {
  const std::string head = header(kAlgorithm);
  const auto payload = [&](std::string name, std::string_view text) {
    attacks.add("payload: " + std::move(name), sealed(base64url_encode(head), base64url_encode(text)),
                Fault::malformed);
  };
  const auto heading = [&](std::string name, std::string_view text) {
    attacks.add("header: " + std::move(name), sealed(base64url_encode(text), base64url_encode(kClaims)),
                Fault::malformed);
  };
  payload("iss twice", before(R"("iss":"https://evil.example")", kClaims));
  payload("iss twice, once with an escape", before(R"("is\u0073":"https://evil.example")", kClaims));
  payload("sub twice, alike", before(R"("sub":"42")", kClaims));
  payload("exp twice", before(R"("exp":1)", kClaims));
  payload("a member twice, deep inside", before(R"("a":[{"b":{"c":1,"d":2,"c":3}}])", kClaims));
  payload("half a character", before(R"("a":"\ud800")", kClaims));
  payload("the other half of a character", before(R"("a":"\udc00")", kClaims));
  payload("bytes that are no UTF-8", before("\"a\":\"\xff\xfe\"", kClaims));
  payload("an overlong slash", before("\"a\":\"\xc0\xaf\"", kClaims));
  payload("a byte order mark", "\xef\xbb\xbf" + std::string(kClaims));
  payload("a control character", before("\"a\":\"\x01\"", kClaims));
  payload("nested to 17", before("\"a\":" + nested(16), kClaims));
  payload("nested to 3000", before("\"a\":" + nested(3000), kClaims));
  payload("never closed", before("\"a\":" + std::string(5000, '['), kClaims));
  payload("an integer of 20 digits", before(R"("a":99999999999999999999)", kClaims));
  payload("a number beyond all bounds", before(R"("a":1e999)", kClaims));
  payload("NaN", before(R"("a":NaN)", kClaims));
  payload("a comment", before(R"("a":1/*x*/)", kClaims));
  payload("single quotes", before("'a':1", kClaims));
  payload("a comma too many", std::string(kClaims.substr(0, kClaims.size() - 1)) + ",}");
  payload("a second object", std::string(kClaims) + "{}");
  payload("garbage behind", std::string(kClaims) + "x");
  payload("a NUL behind", std::string(kClaims) + std::string(1, '\0'));
  payload("a list", fmt::format("[{}]", kClaims));
  payload("a string", "\"x\"");
  payload("null", "null");
  payload("a token", good_token(kAlgorithm, kClaims));
  heading("alg twice", R"({"alg":"none","alg":"ES256"})");
  heading("alg twice, once with an escape", R"({"alg":"ES256","a\u006cg":"none"})");
  heading("kid twice", before(R"("kid":"a","kid":"b")", head));
  heading("a member twice, deep inside", before(R"("x":{"y":1,"y":2})", head));
  heading("nested to 17", before("\"a\":" + nested(16), head));
  heading("half a character in a name", before(R"("\ud800":1)", head));
  heading("a list", fmt::format("[{}]", head));
  heading("garbage behind", head + "x");
  heading("not JSON", "alg=ES256");
  heading("ALG", R"({"ALG":"ES256"})");
}

}  // namespace

void add_form_attacks(std::vector<Attack>& all) {
  const std::string twin = good_token(kAlgorithm, kClaims);
  const Keys keys = set_of({signers().of(kAlgorithm).jwk()});
  Attacks attacks(all, twin, keys);
  const Parts good = parts(twin);
  add_spellings(attacks, good);
  add_parts(attacks, good);
  add_json(attacks);
  // What is read alike, and signed: nested to the limit, a name with escapes, a NUL in a value.
  const std::string odd =
      sealed(base64url_encode(R"({ "\u0061lg" : "ES256" })"),
             base64url_encode(before("\"a\":" + nested(15) + R"(,"b":"\u0000\ud83d\ude00")", kClaims)));
  Attacks(all, odd, keys)
      .add("an odd but valid token without its signature", odd.substr(0, odd.rfind('.') + 1),
           Fault::bad_signature);
}

}  // namespace gatehouse::jose::testing
