// A file that takes its place when it is whole, so that nobody, a gateway that watches it least of all, ever
// reads half of it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace gatehouse::app {

// What went wrong is a line; empty if nothing did. Thread: any one.
class FreshFile {
 public:
  FreshFile(std::string path, bool replace);
  FreshFile(const FreshFile&) = delete;
  ~FreshFile();  // removes what has not taken its place

  // Why it must not be written: it is there and is not to be replaced, or it is no regular file.
  std::string refusal();
  // Nobody but its owner reads what `mode` keeps from others, not even for a moment.
  std::string write(std::string_view text, mode_t mode);
  // What stood there before takes the other name, until it is known that nothing is to be taken back.
  std::string put_in_place();
  void take_back();

 private:
  int move(unsigned how) const;
  std::string is_there() const;
  std::string trouble() const;
  std::string path_;
  std::string fresh_;
  bool replace_;
  bool there_ = false;  // a file to be replaced
  bool written_ = false;
};

}  // namespace gatehouse::app
