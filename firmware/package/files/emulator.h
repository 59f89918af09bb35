// Models that are loaded at run time. The interface is the one of hls4ml emulators in CMSSW (namespace, order
// of the virtual functions, names of the two exported functions), written anew by l1distill.
#ifndef HLS4ML_EMULATOR_H_
#define HLS4ML_EMULATOR_H_

#include <any>
#include <dlfcn.h>
#include <memory>
#include <stdexcept>
#include <string>

namespace hls4mlEmulator {

class Model {
  public:
    virtual void prepare_input(std::any input) = 0;
    virtual void predict() = 0;
    virtual void read_result(std::any result) = 0;
    virtual ~Model() = default;
};

typedef Model *create_model_cls();
typedef void destroy_model_cls(Model *);

// Loads NAME.so; the library stays loaded for as long as a model of it lives.
class ModelLoader {
  public:
    explicit ModelLoader(const std::string &model_name) : name_(model_name) {}

    const std::string &model_name() const { return name_; }

    std::shared_ptr<Model> load_model() const {
        const std::string file = name_ + ".so";
        std::shared_ptr<void> library(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL), [](void *handle) {
            if (handle)
                dlclose(handle);
        });
        if (!library)
            throw std::runtime_error(std::string("cannot load the model: ") + dlerror());
        auto create = reinterpret_cast<create_model_cls *>(symbol(library.get(), "create_model"));
        auto destroy = reinterpret_cast<destroy_model_cls *>(symbol(library.get(), "destroy_model"));
        return std::shared_ptr<Model>(create(), [library, destroy](Model *model) {
            if (model)
                destroy(model);
        });
    }

  private:
    static void *symbol(void *library, const char *name) {
        void *found = dlsym(library, name);
        if (!found)
            throw std::runtime_error(std::string("the model has no ") + name);
        return found;
    }

    std::string name_;
};

} // namespace hls4mlEmulator

#endif
