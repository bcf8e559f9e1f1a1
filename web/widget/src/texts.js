// What the widget says, in the languages that it has.

/** @typedef {typeof TEXTS.en} Texts */

export const TEXTS = {
  en: {
    title: "Chat with us",
    open: "Open chat",
    close: "Close chat",
    greeting: "Hello! Ask us anything.",
    placeholder: "Write a message",
    message: "Your message",
    send: "Send",
    person: "Talk to a person",
    wantsPerson: "I want to talk to a person, please.",
    attach: "Attach a file",
    files: "Attached files",
    remove: "Remove",
    notTaken: "The file was not taken: it may be too large, or of a kind that is not passed on.",
    tooLarge: "The file is too large: it may have {mib} MB at most.",
    sources: "Sources",
    typing: "An answer is being written",
    you: "You",
    bot: "Assistant",
    manager: "Our team",
    pending: "A person will answer you here.",
    manager_active: "You are talking with a person.",
    waiting: "Waiting to be sent",
    failed: "Not sent",
    retry: "Try again",
    offline: "You are offline. Messages are sent when you are back.",
    gone: "This chat is not available now.",
    expired: "Reload the page to go on with the chat.",
    unread: "New messages",
  },
  ru: {
    title: "Напишите нам",
    open: "Открыть чат",
    close: "Закрыть чат",
    greeting: "Здравствуйте! Задайте нам вопрос.",
    placeholder: "Напишите сообщение",
    message: "Ваше сообщение",
    send: "Отправить",
    person: "Позвать человека",
    wantsPerson: "Хочу поговорить с человеком, пожалуйста.",
    attach: "Приложить файл",
    files: "Приложенные файлы",
    remove: "Убрать",
    notTaken: "Файл не принят: он слишком велик или такие файлы не пересылаются.",
    tooLarge: "Файл слишком большой: можно не больше {mib} МБ.",
    sources: "Источники",
    typing: "Пишем ответ",
    you: "Вы",
    bot: "Помощник",
    manager: "Наша команда",
    pending: "Вам ответит здесь сотрудник.",
    manager_active: "Вы говорите с сотрудником.",
    waiting: "Ждёт отправки",
    failed: "Не отправлено",
    retry: "Повторить",
    offline: "Нет связи. Сообщения уйдут, когда она вернётся.",
    gone: "Этот чат сейчас недоступен.",
    expired: "Обновите страницу, чтобы продолжить чат.",
    unread: "Новые сообщения",
  },
  kk: {
    title: "Бізге жазыңыз",
    open: "Чатты ашу",
    close: "Чатты жабу",
    greeting: "Сәлеметсіз бе! Сұрағыңызды қойыңыз.",
    placeholder: "Хабарлама жазыңыз",
    message: "Сіздің хабарламаңыз",
    send: "Жіберу",
    person: "Адаммен сөйлесу",
    wantsPerson: "Адаммен сөйлескім келеді.",
    attach: "Файл тіркеу",
    files: "Тіркелген файлдар",
    remove: "Алып тастау",
    notTaken: "Файл қабылданбады: ол тым үлкен немесе мұндай файлдар жіберілмейді.",
    tooLarge: "Файл тым үлкен: ең көбі {mib} МБ болуы керек.",
    sources: "Дереккөздер",
    typing: "Жауап жазылып жатыр",
    you: "Сіз",
    bot: "Көмекші",
    manager: "Біздің команда",
    pending: "Сізге осында қызметкер жауап береді.",
    manager_active: "Сіз қызметкермен сөйлесіп тұрсыз.",
    waiting: "Жіберуді күтуде",
    failed: "Жіберілмеді",
    retry: "Қайталау",
    offline: "Байланыс жоқ. Ол қалпына келгенде хабарламалар жіберіледі.",
    gone: "Бұл чат қазір қолжетімсіз.",
    expired: "Чатты жалғастыру үшін бетті жаңартыңыз.",
    unread: "Жаңа хабарламалар",
  },
};

/**
 * The first language that we have of those that are wished for, best first.
 * @param {(string | null | undefined)[]} wishes BCP 47 tags
 * @returns {"en" | "ru" | "kk"}
 */
export function chosenLanguage(wishes) {
  for (const wish of wishes) {
    const primary = (wish || "").toLowerCase().split("-")[0];
    if (Object.hasOwn(TEXTS, primary)) return /** @type {"en" | "ru" | "kk"} */ (primary);
  }
  return "en";
}
