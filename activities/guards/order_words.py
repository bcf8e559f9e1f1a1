"""The words by which orders to a machine are told, in every language that Mainstay speaks: each stands for a sign.

A sign is a letter, so that a sentence becomes a string of signs, and the shape of an order a pattern over it
(`activities.guards.orders`). A word that ends in `*` stands for all that begin so.
"""

_WORDS = {
    # Who can only be a machine; who may be one; what makes one of the next word (language model).
    "M": "ai ais llm llms chatbot* chat-bot* bot bots gpt chatgpt "
    "ии бот бота боту боты ботам чат-бот* чатбот* нейросет* нейронк* жи жи-ге жи-ғе жи-дің "
    "нейросетям ai-assistant* ии-ассистент* ии-помощник* жи-көмекші*",
    "m": "assistant assistants model models system intelligence "
    "помощник помощнику помощники ассистент ассистенту ассистенты модель модели моделям система системе системы "
    "интеллект интеллекту көмекші көмекшіге көмекшісі көмекшісіне модельге жүйе жүйеге интеллектіге",
    "L": "language artificial automated virtual answering responding языков* отвечающ* искусственн* тілдік жасанды",
    # Speech and its like; what a customer is asked to do as well; answers as a word for both; Kazakh verbs, which come
    # last; infinitives after a modal verb.
    "T": "say tell output print reveal repeat confirm promise claim announce state escalate recommend pretend greet "
    "скажи говори ответь отвечай сообщи сообщай выведи повтори подтверди подтверждай обещай пообещай советуй "
    "посоветуй рекомендуй произнеси объяви указывай упоминай называй скажите говорите отвечайте",
    "v": "write read show call request send direct redirect offer decode mention list give approve "
    "напиши пиши покажи зачитай прочитай вызови спроси попроси расшифруй назови упомяни предложи предлагай отправь "
    "отправляй направляй ответьте сообщите рекомендуйте советуйте",
    "A": "answer reply respond",
    "t": "айт айтыңыз де деп жаз көрсет раста ұсын оқы сұра қайтала шығар бер беріңіз жібер жарияла уәде",
    "i": "сказать ответить сообщить отвечать говорить написать подтвердить деуі айтуы деуге",
    "Z": "append add insert include prefix begin start finish end translate "
    "добавь добавляй вставь вставляй начинай начни заканчивай закончи ставь переводи переведи қос қосып баста аяқта",
    "O": "ignore disregard forget override bypass overrides stop abandon discard "
    "игнорируй игнорируйте забудь забудьте отбрось отменяю следуй отмени обойди елеме елемеңіз ұмыт ұмытыңыз ескерме",
    "N": "instruction instructions rule rules guideline guidelines restriction restrictions directive directives text "
    "context training policies "
    "инструкци* правил* указани* ограничени* текст текста контекст* установки нұсқау* ереже* мәтін* шектеу*",
    "P": "prompt prompts промпт* промт*",
    "Q": "new all any previous prior earlier above preceding old "
    "новые новая новое все всё прежние прежний прежнюю предыдущие предыдущий ранние старые любые "
    "бұрынғы алдыңғы барлық бүкіл жоғарыдағы",
    "Y": "your own свои свой твои твой свою системный системные өз өзіңнің",
    "V": "must should shall обязан обязана обязаны должен должна должны запрещено тиіс міндетті",
    "C": "customer customers client clients user users visitor visitors them someone anyone somebody клиент* пользовател* покупателю",
    "q": "everyone everybody всем каждому любому",
    "K": "password passwords pin cvv cvc passcode card cards iban пароль пароли пин-код карты карта құпиясөз",
    "R": "answers replies reply's response responses ответ ответа ответы ответе ответу "
    "жауап жауапқа жауаптың жауапты жауаптарды жауабыңа жауабыңның",
    "G": "link links url image picture ссылк* картинк* сілтеме* сурет*",
    "E": "every each каждый каждом каждого әр әрбір",
    "X": "only just exactly только лишь тек ғана",
    "H": "note notes message task tasks memo notice hint order command "
    "заметка задание сообщение примечание команда приказ тапсырма ескерту хабарлама",
    "h": "dear hey attention уважаемый уважаемая дорогой эй внимание құрметті назар",
    "F": "for to для",
    "W": "when whenever if once если когда егер",
    "S": "asked asks ask спросят спросит спрашивают спрашивает спросили сұраса сұрағанда",
    "U": "about whether regarding про об о насчёт насчет туралы жайлы",
    "u": "you ты вы сен сіз",
    "D": "the a an our my this that its наш наша наши ваш ваша этот эта біздің сіздің бұл",
    "J": "please first now always then instead сначала теперь сперва потом пожалуйста всегда алдымен енді әрқашан",
    "c": "and и а та да",
    "a": "as как",
    "n": "not never don't не никогда нельзя ешқашан болмайды",
}
OTHER = "w"

_WHOLE = {word: sign for sign, line in _WORDS.items() for word in line.split() if not word.endswith("*")}
_BEGUN = [(word[:-1], sign) for sign, line in _WORDS.items() for word in line.split() if word.endswith("*")]


def sign(word: str) -> str:
    """The sign of a lower-case word; `OTHER` when it has none."""
    return _WHOLE.get(word) or next((sign for begin, sign in _BEGUN if word.startswith(begin)), OTHER)
